"""What trainings minimise; see `rnncli.training.objectives.base`."""
