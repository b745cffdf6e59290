"""What runs inside Python children: the template, its instances, their clock, threads and alarms."""
