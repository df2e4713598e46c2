"""Operating the cloud: installation, certificates, backup, health."""
