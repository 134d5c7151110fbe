"""The command's own version."""


def installed_version() -> str | None:
    """The version that is installed; `None` if the command runs from files that nobody installed."""
    from importlib import metadata  # noqa: PLC0415 - it takes a tenth of the start

    try:
        return metadata.version("respot")
    except metadata.PackageNotFoundError:
        return None
