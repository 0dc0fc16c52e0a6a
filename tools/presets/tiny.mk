# The smallest static daemon: plaintext, no codecs, sections that nobody needs
# left out by the linker.  docs/embedding.md has the figures.
BUILD  = build/tiny
TLS    = 0
SASL   = 0
GSASL  = 0
GZIP   = 0
SNAPPY = 0
LZ4    = 0
ZSTD   = 0
CFLAGS = -Os
