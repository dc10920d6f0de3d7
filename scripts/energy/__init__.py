"""Value served against energy per served request: experts under a sweep of prices of energy."""
