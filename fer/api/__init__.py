"""The commands as Python functions, for notebooks and scripts; `fer` itself offers them lazily."""
