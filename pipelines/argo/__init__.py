"""The loop on Argo Workflows: the WorkflowTemplate, the nightly schedule, sessions submitted and watched."""
