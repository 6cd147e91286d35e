"""The steps of the loop, one file each: load, compute, save. `definition` states each of them once."""
