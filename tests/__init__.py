"""A package by name: a dependency of the development tools ships a `tests` of its own, and workers must find this one."""
