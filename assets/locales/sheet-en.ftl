# English on the printed AR sheet. sheet-zh.ftl has the same keys; both languages are on it.

sheet-title = AR MARKER SHEET
sheet-front = FRONT
sheet-print = Print at 100 %: this ruler must measure 100 mm
sheet-flat = Lay the sheet flat, in even light.
sheet-stand = Stand where the arrow points.
sheet-keep = Keep at least one square in sight.
