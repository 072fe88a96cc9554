-- What an account has spent in the day and month of budgets (starts: Unix microseconds, money: pico-dollars), and what was
-- promised to calls under way.
ALTER TABLE account ADD COLUMN day_start   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN day_cost    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN month_start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN month_cost  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN open        INTEGER NOT NULL DEFAULT 0;
