-- How good an answer was, 0 to 1, and who says so; `source` says who knows the cost.
ALTER TABLE patch ADD COLUMN quality        REAL;
ALTER TABLE patch ADD COLUMN quality_source TEXT;
