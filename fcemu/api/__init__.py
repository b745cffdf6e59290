"""Wire to domain and back; the only home of FC's HTTP."""
