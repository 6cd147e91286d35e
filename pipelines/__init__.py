"""The loop as a graph, for Argo Workflows and for Kubeflow Pipelines, and the compiled files."""
