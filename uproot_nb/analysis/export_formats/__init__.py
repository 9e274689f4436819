"""Export formats: tables as files for Stata, SPSS and Excel, and what goes with every export."""
