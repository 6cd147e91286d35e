"""The loop on Kubeflow Pipelines v2: components, the compiled pipelines, and how sessions are submitted and watched."""
