"""A frozen teacher says the same of a photo each time: tokens on disk, by photo, which crops are cut out of."""

from clipteacher.teacher_cache.cache import TeacherCache, TeacherCacheConfig

__all__ = ["TeacherCache", "TeacherCacheConfig"]
