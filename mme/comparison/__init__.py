"""Networks side by side: streamed spectra, kept on disk, and what Part I says of them."""
