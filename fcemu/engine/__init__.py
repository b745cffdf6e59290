"""The shell: owns state, time and threads, carries out what core decides."""
