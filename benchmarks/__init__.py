"""Speed and accuracy, on corpora that are given by path. Never part of the test run."""
