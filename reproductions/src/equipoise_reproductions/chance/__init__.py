"""Is MUBO better than chance? Its sound default, its parts and its rivals over the comparison suite."""
