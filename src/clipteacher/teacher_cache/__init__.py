"""A frozen teacher's tokens of each photo, computed once and kept on disk; crops are cut out of them."""

from clipteacher.teacher_cache.cache import TeacherCache, TeacherCacheConfig

__all__ = ["TeacherCache", "TeacherCacheConfig"]
