"""MUBO (Medlin, Leyffer and Raghavan, 2025): its tables, Figure 2 and claims."""
