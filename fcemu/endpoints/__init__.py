"""Hard-coded FC endpoints reach the emulator: environment, in-process redirection, TLS, proxy."""
