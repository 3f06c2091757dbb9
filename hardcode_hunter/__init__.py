"""hardcode-hunter: find hardcoded credentials, move them into AWS Secrets Manager, keep them out."""

__version__ = "0.1.0"
