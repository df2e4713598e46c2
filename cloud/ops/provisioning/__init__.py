"""Access to the broker: certificate authorities, certificates, access rules, and a bundle of files for each lamp."""
