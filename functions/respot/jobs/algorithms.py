"""SageMaker's built-in algorithms, by the repositories of their images."""

from typing import Final

WITHOUT_CHECKPOINTS: Final = frozenset(
    {
        "blazingtext",
        "factorization-machines",
        "forecasting-deepar",
        "ipinsights",
        "kmeans",
        "knn",
        "lda",
        "linear-learner",
        "ntm",
        "object2vec",
        "pca",
        "randomcutforest",
        "seq2seq",
    }
)
"""Those that do not checkpoint ("Managed Spot Training in Amazon SageMaker", Amazon SageMaker Developer Guide)."""
BUILT_IN_ALGORITHMS: Final = WITHOUT_CHECKPOINTS | {
    "image-classification",
    "object-detection",
    "sagemaker-xgboost",
    "semantic-segmentation",
    "xgboost",
}
"""All, in AWS accounts that differ by region and algorithm."""
