-- A copy of the accounts, so that damaged history does not take them with it.
CREATE TABLE account_copy (
  tenant    TEXT NOT NULL,
  workspace TEXT NOT NULL,
  key       TEXT NOT NULL,
  calls     INTEGER NOT NULL,
  input     INTEGER NOT NULL,
  output    INTEGER NOT NULL,
  cost      INTEGER NOT NULL,
  PRIMARY KEY (tenant, workspace, key)
) WITHOUT ROWID;
