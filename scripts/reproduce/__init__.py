"""Reproductions of three published studies: `python -m scripts.reproduce dftsp|ot-gah|dto-ee`.

`dftsp`, `ot_gah` and `dto_ee` hold one study each: settings, sweeps, claims, figures and the values of its page; the
prose is in `templates/STUDY.md`. The other modules are shared machinery without settings or prose of any one study.
"""
