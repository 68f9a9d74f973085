"""The `peernet` command. It uses the library through its public face and the control socket."""
