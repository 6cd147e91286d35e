"""The study on one machine: the same steps in a loop, trials side by side in processes of their own."""
