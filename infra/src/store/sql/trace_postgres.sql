-- Who met these case visits. One statement a trace; the rules are those of `mashang_domain::venue::visit` and
-- `mashang_domain::trace::meeting`, and a test holds it against them on every field.
--
--   $1..$7  the case visits, one array a column: nr, venue, zone (the nil id for none), start, end, dwell, after
--   $8      the index persons, who are never in the result
--   $9      the least intersection of a direct meeting
--   $10,$11 no candidate lies outside [$10, $11): redundant, it lets the planner drop partitions
--
-- Times are milliseconds. Only candidates are looked at: in-scans at the venue of a case, from the longest visit before
-- the case came to the end of the after-window. What ends a candidate's visit is looked up in the scans of that person
-- by the index (person_id, at), from the candidate's second on. Rows that the two-minute rule swallowed do not exist
-- here. CTEs are materialized and `offset 0` stands where the planner would otherwise repeat a lookup for every mention
-- of its result, or evaluate a condition once a partition.
with case_visit as materialized (
    select *
    from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
        as c (nr, venue_id, zone_id, start_at, end_at, dwell, after)
),

-- Who scanned out of a venue since the first case there: nobody else can have been there for longer than the dwell.
-- One pass a venue, in place of a look into every later partition for each of the many who came in the day before.
leaver as materialized (
    select v.venue_id, o.person_id
    from (select venue_id, min(start_at - dwell) as since from case_visit group by venue_id) as v
    cross join lateral (
        select person_id
        from scan
        where scan.venue_id = v.venue_id
            and scan.at > v.since
            and scan.at >= $10
            and scan.direction = 'out'
            and not scan.repeat
        offset 0
    ) as o
),

-- In-scans at the venue of a case visit, from the longest visit before it to the end of the after-window. A visit lasts
-- 24 h at most when an out-scan closes it, and the dwell otherwise.
asked as (
    select
        s.id, s.person_id, s.venue_id, s.zone_id, s.at, s.suspect,
        c.nr, c.start_at, c.end_at, c.dwell, c.after,
        (s.venue_id, s.person_id) in (select l.venue_id, l.person_id from leaver as l) as may_close
    from case_visit as c
    cross join lateral (
        select *
        from scan
        where scan.venue_id = c.venue_id
            and scan.at > c.start_at - greatest(86400000, c.dwell)
            and scan.at < c.end_at + c.after
            and scan.at >= $10 and scan.at < $11
            and scan.direction = 'in'
            and not scan.repeat
            and (c.zone_id = '00000000-0000-0000-0000-000000000000' or scan.zone_id is null or scan.zone_id = c.zone_id)
            and scan.person_id <> all ($8::uuid[])
        offset 0 -- one index range a case visit, and what is asked about the rows is asked outside of the partitions
    ) as s
    offset 0
),

-- Those that may have met a case visit, each once, with the case visits in question.
candidate as (
    select
        id, person_id, venue_id, zone_id, at, suspect, may_close,
        max(dwell) as dwell,
        min(start_at) as first_start,
        array_agg(nr) as nrs,
        array_agg(start_at) as starts,
        array_agg(end_at) as ends,
        array_agg(dwell) as dwells,
        array_agg(after) as afters
    from asked
    where may_close or at + dwell > start_at
    group by id, person_id, venue_id, zone_id, at, suspect, may_close
),

-- The second of the first scan after the candidate that decides about a closing scan: an in-scan anywhere, or an
-- out-scan at the venue. In-scans of one second follow each other by venue reference, zone and id; the references are
-- read for scans of the same second only.
decided as materialized (
    select
        c.*,
        case when c.may_close then (
            select n.at
            from scan as n
            where n.person_id = c.person_id
                and n.at >= c.at
                and n.at >= $10
                and not n.repeat
                and (n.direction = 'in' or n.venue_id = c.venue_id)
                and case
                    when n.at > c.at then true
                    when n.direction = 'out' then false
                    when n.venue_id = c.venue_id then
                        (coalesce(n.zone_id, '00000000-0000-0000-0000-000000000000'), n.id)
                        > (coalesce(c.zone_id, '00000000-0000-0000-0000-000000000000'), c.id)
                    else
                        coalesce((select v.external_ref from venue as v where v.id = n.venue_id), n.venue_id::text)
                            collate "C"
                        > coalesce((select v.external_ref from venue as v where v.id = c.venue_id), c.venue_id::text)
                            collate "C"
                end
            order by n.at
            limit 1
        ) end as decided_at
    from candidate as c
),

-- An out-scan at the venue in that second closes the visit: of one second the outs come before the ins.
closed as materialized (
    select
        d.*,
        case when d.decided_at > d.at and exists (
            select 1
            from scan as o
            where o.person_id = d.person_id and o.at = d.decided_at and o.at >= $10 and o.direction = 'out'
                and o.venue_id = d.venue_id and not o.repeat
        ) then d.decided_at end as closed_at
    from decided as d
),

-- Without a closing scan, the next in-scan at another venue within the dwell ends the visit. It is not looked for when
-- the visit has ended anyway before any case in question came.
bounded as materialized (
    select
        c.*,
        case when c.closed_at is null and c.at + c.dwell > c.first_start then (
            select n.at
            from scan as n
            where n.person_id = c.person_id
                and n.at >= c.at and n.at < c.at + c.dwell
                and n.at >= $10
                and n.direction = 'in'
                and n.venue_id <> c.venue_id
                and not n.repeat
                and case
                    when n.at > c.at then true
                    else
                        coalesce((select v.external_ref from venue as v where v.id = n.venue_id), n.venue_id::text)
                            collate "C"
                        > coalesce((select v.external_ref from venue as v where v.id = c.venue_id), c.venue_id::text)
                            collate "C"
                end
            order by n.at
            limit 1
        ) end as elsewhere_at
    from closed as c
),

-- Back to one row a case visit and visit, with the visit's end.
pair as (
    select
        b.id, b.person_id, b.venue_id, b.zone_id, b.at, b.suspect,
        c.nr, c.start_at, c.end_at, c.after,
        case
            when b.closed_at is not null then least(b.closed_at, b.at + 86400000)
            else least(b.elsewhere_at, b.at + c.dwell)
        end as out_at,
        case
            when b.closed_at is not null then 'scan'
            when b.elsewhere_at < b.at + c.dwell then 'next'
            else 'default'
        end as out_source
    from bounded as b
    cross join lateral unnest(b.nrs, b.starts, b.ends, b.dwells, b.afters) as c (nr, start_at, end_at, dwell, after)
)

select
    p.nr, p.person_id, p.id, p.venue_id, p.zone_id, p.at, p.out_at, p.out_source, p.suspect,
    o.overlap >= $9 as direct,
    case when o.overlap >= $9 then o.overlap else greatest(p.at - p.end_at, 0) end as millis
from pair as p
cross join lateral (select least(p.out_at, p.end_at) - greatest(p.at, p.start_at) as overlap) as o
where p.at < p.out_at
    and (o.overlap >= $9 or (p.after > 0 and p.at < p.end_at + p.after and p.out_at > p.end_at))
