CREATE TABLE "change_days" (
	"day" date NOT NULL,
	"ci_id" uuid NOT NULL,
	"source_id" integer,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"department" text COLLATE "pg_c_utf8",
	CONSTRAINT "change_days_key" UNIQUE NULLS NOT DISTINCT("day","ci_id","ci_type","namespace","source_id","department")
);
--> statement-breakpoint
CREATE TABLE "change_search" (
	"changed_at" timestamp(3) with time zone NOT NULL,
	"change_id" bigint NOT NULL,
	"vector" "tsvector" NOT NULL,
	"fields" text[] NOT NULL,
	CONSTRAINT "change_search_changed_at_change_id_pk" PRIMARY KEY("changed_at","change_id")
) PARTITION BY RANGE ("changed_at");
--> statement-breakpoint
CREATE TABLE "change_stats" (
	"hour" timestamp(3) with time zone NOT NULL,
	"batch" bigint NOT NULL,
	"n" integer NOT NULL,
	"source_id" integer,
	"change_type" text COLLATE "pg_c_utf8" NOT NULL,
	"ci_type" text COLLATE "pg_c_utf8" NOT NULL,
	"namespace" text COLLATE "pg_c_utf8",
	"department" text COLLATE "pg_c_utf8",
	CONSTRAINT "change_stats_key" UNIQUE NULLS NOT DISTINCT("hour","change_type","ci_type","namespace","source_id","department")
);
--> statement-breakpoint
CREATE TABLE "change_watermarks" (
	"name" text COLLATE "pg_c_utf8" PRIMARY KEY NOT NULL,
	"xid" "xid8" NOT NULL,
	"batch" bigint NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "change_search_vector_idx" ON "change_search" USING gin ("vector");--> statement-breakpoint
CREATE INDEX "change_search_fields_idx" ON "change_search" USING gin ("fields");--> statement-breakpoint
CREATE INDEX "change_stats_batch_idx" ON "change_stats" USING btree ("batch");--> statement-breakpoint
CREATE INDEX "changes_id_idx" ON "changes" USING btree ("id");--> statement-breakpoint
CREATE INDEX "changes_xid_idx" ON "changes" USING btree ("xid");--> statement-breakpoint
INSERT INTO change_watermarks (name, xid, batch, updated_at) VALUES ('stats', '0', 0, now()), ('search', '0', 0, now());
