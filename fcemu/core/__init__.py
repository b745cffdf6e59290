"""The rules of Function Compute: values in, values out."""
