"""MLflow from the files of run, study and sweep folders: during a training by a process of its own, or later."""
