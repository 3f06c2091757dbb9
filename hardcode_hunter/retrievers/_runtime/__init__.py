"""Modules that are written into the rewritten project: Python 3.8 and newer, and nothing imported but boto3, on first use."""
