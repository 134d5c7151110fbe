"""What imports botocore or a vendor: one module or package for each service."""
