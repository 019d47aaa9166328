"""What a finished training is judged by: its best checkpoint on the selection rows."""

from fer.data.datamodule import FERDataModule
from fer.folders.run import RunFolder
from fer.metrics import Predictions, headline
from fer.models.checkpoint import load_model


def evaluate_best(folder: RunFolder, data: FERDataModule) -> dict[str, float]:
    """Metrics of the best checkpoint on the selection rows, which are also saved as predictions."""
    valid = data.valid_rows()
    predictions = Predictions(
        ids=valid.ids,
        labels=valid.labels,
        probabilities=load_model(folder.best).probabilities(valid.images),
        split=data.split.valid_name,
    )
    predictions.write(folder.predictions(data.split.valid_name))
    return {f"{data.split.valid_name}.{name}": value for name, value in headline(predictions).items()}
