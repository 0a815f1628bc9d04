"""The gate: replies, grades, statistics, verdict; and the export behind it."""
