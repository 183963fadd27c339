-- pg_trgm serves "name contains"; the schema muster holds the functions, public the tables.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
--> statement-breakpoint
CREATE SCHEMA muster;
--> statement-breakpoint
GRANT USAGE ON SCHEMA muster TO muster_api, muster_jobs;
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO muster_api, muster_jobs;
