# For the token with which Prometheus reads the metrics. They contain names and ids of certificates, and no PEM or key.
path "sectigo-vault-pki/metrics" {
  capabilities = ["read"]
}
