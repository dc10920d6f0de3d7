"""Compare policies on common random numbers, with confidence intervals of the paired differences."""

from edge_llm_gym.evaluation import compare


def main(seeds: int = 5, epochs: int = 50) -> None:
    """Prints the share of the value that each policy serves, and its paired difference to the best one."""
    settings = {"horizon_epochs": epochs}
    result = compare("EdgeLLM/MultiNode-v0", ["ot-gah", "edf", "random"], seeds=range(seeds), overrides=settings)
    print("best:", result.best)
    for name in result.policies:
        share, difference = result.mean(name, "served_share"), result.difference(name)
        print(
            f"{name}: {share.mean:.1%} of the value [{share.low:.1%}, {share.high:.1%}], served value against "
            f"{result.best}: {difference.mean:+.1f} [{difference.low:+.1f}, {difference.high:+.1f}]"
        )


if __name__ == "__main__":
    main()
