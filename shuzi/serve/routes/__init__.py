"""The API's endpoints, a module for each subject."""
