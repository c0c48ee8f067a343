"""ReMix (Bellinger, Corizzo and Japkowicz, arXiv 2012.02312): its tables, figures and claims."""
