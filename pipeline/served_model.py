"""What MLflow runs to make the served model: code instead of a pickle ("models from code")."""

import mlflow

from pipeline.serving import StanceModel

mlflow.models.set_model(StanceModel())
