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
-- here. Conditions on lookups stand inside them, so that the partitions before and after are not opened.
with case_visit as (
    select *
    from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
        as c (nr, venue_id, zone_id, start_at, end_at, dwell, after)
),

-- In-scans that may have met a case visit, each once, with the case visits in question. A visit lasts 24 h at most
-- when an out-scan closes it, and the dwell otherwise.
candidate as (
    select
        s.id, s.person_id, s.venue_id, s.zone_id, s.at, s.suspect,
        max(c.dwell) as dwell,
        min(c.start_at) as first_start,
        array_agg(c.nr) as nrs,
        array_agg(c.start_at) as starts,
        array_agg(c.end_at) as ends,
        array_agg(c.dwell) as dwells,
        array_agg(c.after) as afters
    from case_visit as c
    join lateral (
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
        offset 0 -- keeps the index condition of each case visit: never one pass over the venues of all
    ) as s on true
    group by s.id, s.person_id, s.venue_id, s.zone_id, s.at, s.suspect
),

-- The first scan after the candidate that decides about a closing scan: an in-scan anywhere, or an out-scan at the
-- venue. Of one second the outs come before the ins, and in-scans follow each other by venue reference, zone and id;
-- the references are read for scans of the same second only.
decided as (
    select
        c.*,
        case
            when d.direction = 'out' then d.at
            when d.at > c.at and exists (
                select 1
                from scan as o
                where o.person_id = c.person_id and o.at = d.at and o.direction = 'out' and o.venue_id = c.venue_id
                    and not o.repeat
            ) then d.at
        end as closed_at
    from candidate as c
    left join lateral (
        select n.at, n.direction
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
    ) as d on true
),

-- Without a closing scan, the next in-scan at another venue within the dwell ends the visit. It is not looked for when
-- the visit has ended anyway before any case in question came.
bounded as (
    select d.*, e.at as elsewhere_at
    from decided as d
    left join lateral (
        select n.at
        from scan as n
        where d.closed_at is null
            and d.at + d.dwell > d.first_start
            and n.person_id = d.person_id
            and n.at >= d.at and n.at < d.at + d.dwell
            and n.at >= $10
            and n.direction = 'in'
            and n.venue_id <> d.venue_id
            and not n.repeat
            and case
                when n.at > d.at then true
                else
                    coalesce((select v.external_ref from venue as v where v.id = n.venue_id), n.venue_id::text)
                        collate "C"
                    > coalesce((select v.external_ref from venue as v where v.id = d.venue_id), d.venue_id::text)
                        collate "C"
            end
        order by n.at
        limit 1
    ) as e on true
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
