"""Pictures of segmentations: colours, overlays and reports, drawn with Pillow."""

from clipteacher.pictures.colours import class_colours
from clipteacher.pictures.overlays import overlay, paint
from clipteacher.pictures.reports import ReportRow, report, report_rows
from clipteacher.pictures.saving import save_id_png, save_picture

__all__ = ["ReportRow", "class_colours", "overlay", "paint", "report", "report_rows", "save_id_png", "save_picture"]
