"""What happens when a function loses a permission: `make proof`, part `permissions`, takes them away one by one."""
