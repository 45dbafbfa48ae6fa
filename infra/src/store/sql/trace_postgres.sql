-- Who met these case visits. One statement a trace; the rules are those of `mashang_domain::venue::visit` and
-- `mashang_domain::trace::meeting`, and a test holds it against them on every field.
--
--   $1..$7  the case visits, one array a column: nr, venue, zone (the nil id for none), start, end, dwell, after
--   $8      the index persons, who are never in the result
--   $9      the least intersection of a direct meeting
--   $10,$11 no candidate lies outside [$10, $11); $12: nothing within 24 h of a candidate lies at or after it. Both are
--           redundant, they let the planner drop partitions
--
-- Times are milliseconds. Rows that the two-minute rule swallowed do not exist here. Whole sets are read, in few passes:
-- the in-scans and the out-scans of a venue each from an index that holds all that is wanted of them (so no row of the
-- table is visited), and what people did next from (person_id, at), a day's candidates at a time. A look-up for each
-- candidate, in each day that may follow, costs several times as much.
--
-- CTEs are materialized and `offset 0` stands where the planner would otherwise repeat a pass for every row, or a
-- look-up for every mention of its result.
with case_visit as materialized (
    select *
    from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
        as c (nr, venue_id, zone_id, start_at, end_at, dwell, after)
),

-- In-scans at the venue of a case visit, from the longest visit before it to the end of the after-window. A visit lasts
-- 24 h at most when an out-scan closes it, and the dwell otherwise.
asked as materialized (
    select s.id, s.person_id, s.zone_id, s.at, s.suspect, c.nr, c.venue_id, c.start_at, c.dwell
    from case_visit as c
    cross join lateral (
        select id, person_id, zone_id, at, suspect
        from scan
        where scan.venue_id = c.venue_id
            and scan.at > c.start_at - greatest(86400000, c.dwell)
            and scan.at < c.end_at + c.after
            and scan.at >= $10 and scan.at < $11
            and scan.direction = 'in'
            and not scan.repeat
            and (c.zone_id = '00000000-0000-0000-0000-000000000000' or scan.zone_id is null or scan.zone_id = c.zone_id)
            and scan.person_id <> all ($8::uuid[])
        offset 0
    ) as s
),

-- The first out-scan of the venue after the in-scan, however late: the only one that may close its visit. Of one second
-- the outs come before the ins.
leaving as materialized (
    select a.id, min(l.at) as leave_at
    from asked as a
    join (
        select v.venue_id, o.person_id, o.at
        from (
            select venue_id, min(start_at - greatest(86400000, dwell)) as since from case_visit group by venue_id
        ) as v
        cross join lateral (
            select person_id, at
            from scan
            where scan.venue_id = v.venue_id
                and scan.at > v.since
                and scan.at >= $10
                and scan.direction = 'out'
                and not scan.repeat
            offset 0
        ) as o
        offset 0
    ) as l on l.venue_id = a.venue_id and l.person_id = a.person_id and l.at > a.at
    group by a.id
),

-- Those that may have met the case visit, and until when the scans of their person bear on it.
candidate as materialized (
    select a.*, l.leave_at, greatest(a.at + a.dwell, least(l.leave_at, a.at + 86400000)) as until
    from asked as a
    left join leaving as l on l.id = a.id
    where a.at + a.dwell > a.start_at or l.leave_at > a.start_at
),

-- The in-scans of these people, for the candidates of one Asia/Shanghai day (a partition) at once.
came as materialized (
    select n.*
    from (
        select array_agg(distinct person_id) as people, min(at) as since, max(until) as until
        from candidate
        group by (at + 28800000) / 86400000
    ) as d
    cross join lateral (
        select id, person_id, venue_id, zone_id, at
        from scan
        where scan.person_id = any (d.people)
            and scan.at >= d.since and scan.at < d.until
            and scan.at >= $10 and scan.at < $12
            and scan.direction = 'in'
            and not scan.repeat
        offset 0
    ) as n
),

-- The next in-scan anywhere, and the next at another venue. In-scans of one second follow each other by venue reference,
-- zone and id; the references are read for scans of the same second only.
next as materialized (
    select c.nr, c.id, min(n.at) as next_at, min(n.at) filter (where n.venue_id <> c.venue_id) as elsewhere_at
    from candidate as c
    join came as n on n.person_id = c.person_id and n.at >= c.at and n.at < c.until and n.id <> c.id
    where case
        when n.at > c.at then true
        when n.venue_id = c.venue_id then
            (coalesce(n.zone_id, '00000000-0000-0000-0000-000000000000'), n.id)
            > (coalesce(c.zone_id, '00000000-0000-0000-0000-000000000000'), c.id)
        else
            coalesce((select v.external_ref from venue as v where v.id = n.venue_id), n.venue_id::text) collate "C"
            > coalesce((select v.external_ref from venue as v where v.id = c.venue_id), c.venue_id::text) collate "C"
    end
    group by c.nr, c.id
),

-- An out-scan closes the visit unless an in-scan comes between. The few that come later than 24 h are looked at one by
-- one, the nearest day first: who scans out has mostly scanned in a moment before.
ended as materialized (
    select
        c.*,
        n.elsewhere_at,
        case when c.leave_at <= coalesce(n.next_at, c.leave_at) and (
            c.leave_at <= c.at + 86400000
            or (
                select between_at.at
                from scan as between_at
                where between_at.person_id = c.person_id
                    and between_at.at >= c.at + 86400000 and between_at.at < c.leave_at
                    and between_at.at >= $10
                    and between_at.direction = 'in'
                    and not between_at.repeat
                order by between_at.at desc
                limit 1
            ) is null
        ) then c.leave_at end as closed_at
    from candidate as c
    left join next as n on n.nr = c.nr and n.id = c.id
),

-- Each with the visit's end.
pair as (
    select
        e.id, e.person_id, e.venue_id, e.zone_id, e.at, e.suspect,
        c.nr, c.start_at, c.end_at, c.after,
        case
            when e.closed_at is not null then least(e.closed_at, e.at + 86400000)
            else least(e.elsewhere_at, e.at + e.dwell)
        end as out_at,
        case
            when e.closed_at is not null then 'scan'
            when e.elsewhere_at < e.at + e.dwell then 'next'
            else 'default'
        end as out_source
    from ended as e
    join case_visit as c on c.nr = e.nr
)

select
    p.nr, p.person_id, p.id, p.venue_id, p.zone_id, p.at, p.out_at, p.out_source, p.suspect,
    o.overlap >= $9 as direct,
    case when o.overlap >= $9 then o.overlap else greatest(p.at - p.end_at, 0) end as millis
from pair as p
cross join lateral (select least(p.out_at, p.end_at) - greatest(p.at, p.start_at) as overlap) as o
where p.at < p.out_at
    and (o.overlap >= $9 or (p.after > 0 and p.at < p.end_at + p.after and p.out_at > p.end_at))
