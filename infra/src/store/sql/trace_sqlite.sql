-- Who met these case visits. The same rules and the same columns as trace_postgres.sql, in SQLite's words.
--
--   ?1 the case visits as JSON: [[nr, venue, zone or "", start, end, dwell, after], ...], ids as 32 hex digits
--   ?2 the index persons as JSON, who are never in the result
--   ?3 the least intersection of a direct meeting
--
-- Each CTE that is read for many rows is materialized: the lookups by (person_id, at) run once a candidate.
with case_visit as materialized (
    select
        value ->> 0 as nr,
        unhex(value ->> 1) as venue_id,
        unhex(nullif(value ->> 2, '')) as zone_id,
        value ->> 3 as start_at,
        value ->> 4 as end_at,
        value ->> 5 as dwell,
        value ->> 6 as after
    from json_each(?1)
),

index_person as materialized (select unhex(value) as id from json_each(?2)),

-- In-scans that may have met a case visit. A visit lasts 24 h at most when an out-scan closes it, else the dwell.
asked as materialized (
    select
        s.id, s.person_id, s.venue_id, s.zone_id, s.at, s.suspect,
        c.nr, c.start_at, c.end_at, c.dwell, c.after
    from case_visit as c
    cross join scan as s on s.venue_id = c.venue_id
        and s.at > c.start_at - max(86400000, c.dwell)
        and s.at < c.end_at + c.after
    where s.direction = 'in'
        and not s.repeat
        and (c.zone_id is null or s.zone_id is null or s.zone_id = c.zone_id)
        and s.person_id not in (select id from index_person)
),

candidate as materialized (
    select id, person_id, venue_id, zone_id, at, max(dwell) as dwell, min(start_at) as first_start
    from asked
    group by id
),

-- The second of the first scan after the candidate that decides about a closing scan: an in-scan anywhere, or an
-- out-scan at the venue. In-scans of one second follow each other by venue reference, zone and id.
decided as materialized (
    select
        c.*,
        (
            select n.at
            from scan as n
            where n.person_id = c.person_id
                and n.at >= c.at
                and not n.repeat
                and (n.direction = 'in' or n.venue_id = c.venue_id)
                and case
                    when n.at > c.at then true
                    when n.direction = 'out' then false
                    when n.venue_id = c.venue_id then
                        (coalesce(n.zone_id, x''), n.id) > (coalesce(c.zone_id, x''), c.id)
                    else
                        coalesce((select v.external_ref from venue as v where v.id = n.venue_id),
                            lower(substr(hex(n.venue_id), 1, 8) || '-' || substr(hex(n.venue_id), 9, 4) || '-'
                                || substr(hex(n.venue_id), 13, 4) || '-' || substr(hex(n.venue_id), 17, 4) || '-'
                                || substr(hex(n.venue_id), 21)))
                        > coalesce((select v.external_ref from venue as v where v.id = c.venue_id),
                            lower(substr(hex(c.venue_id), 1, 8) || '-' || substr(hex(c.venue_id), 9, 4) || '-'
                                || substr(hex(c.venue_id), 13, 4) || '-' || substr(hex(c.venue_id), 17, 4) || '-'
                                || substr(hex(c.venue_id), 21)))
                end
            order by n.at
            limit 1
        ) as decided_at
    from candidate as c
),

-- An out-scan at the venue in that second closes the visit: of one second the outs come before the ins.
closed as materialized (
    select
        d.*,
        case when d.decided_at > d.at and exists (
            select 1
            from scan as o
            where o.person_id = d.person_id and o.at = d.decided_at and o.direction = 'out'
                and o.venue_id = d.venue_id and not o.repeat
        ) then d.decided_at end as closed_at
    from decided as d
),

-- Without a closing scan, the next in-scan at another venue within the dwell ends the visit. It is not looked for when
-- the visit has ended anyway before any case in question came.
bounded as materialized (
    select
        c.id,
        c.closed_at,
        case when c.closed_at is null and c.at + c.dwell > c.first_start then (
            select n.at
            from scan as n
            where n.person_id = c.person_id
                and n.at >= c.at and n.at < c.at + c.dwell
                and n.direction = 'in'
                and n.venue_id <> c.venue_id
                and not n.repeat
                and case
                    when n.at > c.at then true
                    else
                        coalesce((select v.external_ref from venue as v where v.id = n.venue_id),
                            lower(substr(hex(n.venue_id), 1, 8) || '-' || substr(hex(n.venue_id), 9, 4) || '-'
                                || substr(hex(n.venue_id), 13, 4) || '-' || substr(hex(n.venue_id), 17, 4) || '-'
                                || substr(hex(n.venue_id), 21)))
                        > coalesce((select v.external_ref from venue as v where v.id = c.venue_id),
                            lower(substr(hex(c.venue_id), 1, 8) || '-' || substr(hex(c.venue_id), 9, 4) || '-'
                                || substr(hex(c.venue_id), 13, 4) || '-' || substr(hex(c.venue_id), 17, 4) || '-'
                                || substr(hex(c.venue_id), 21)))
                end
            order by n.at
            limit 1
        ) end as elsewhere_at
    from closed as c
),

-- Back to one row a case visit and visit, with the visit's end.
pair as (
    select
        a.*,
        case
            when b.closed_at is not null then min(b.closed_at, a.at + 86400000)
            else min(coalesce(b.elsewhere_at, a.at + a.dwell), a.at + a.dwell)
        end as out_at,
        case
            when b.closed_at is not null then 'scan'
            when b.elsewhere_at < a.at + a.dwell then 'next'
            else 'default'
        end as out_source
    from asked as a
    join bounded as b on b.id = a.id
),

met as (
    select p.*, min(p.out_at, p.end_at) - max(p.at, p.start_at) as overlap
    from pair as p
    where p.at < p.out_at
)

select
    nr, person_id, id, venue_id, zone_id, at, out_at, out_source, suspect,
    overlap >= ?3 as direct,
    case when overlap >= ?3 then overlap else max(at - end_at, 0) end as millis
from met
where overlap >= ?3 or (after > 0 and at < end_at + after and out_at > end_at)
