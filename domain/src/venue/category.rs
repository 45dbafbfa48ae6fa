//! Kinds of venue. How long people stay and whether it is indoors stands in the settings, per category.

crate::macros::words! {
    Category {
        Airport = "airport", Station = "station", Train = "train", Bus = "bus", Ferry = "ferry",
        Supermarket = "supermarket", Market = "market", Mall = "mall", Restaurant = "restaurant", Hotel = "hotel",
        Entertainment = "entertainment", Gym = "gym", School = "school", Office = "office", Factory = "factory",
        Hospital = "hospital", Clinic = "clinic", Pharmacy = "pharmacy", Bank = "bank", Government = "government",
        Worship = "worship", Residence = "residence", Gate = "gate", Other = "other",
    }
}

impl Category {
    /// The Chinese name, as it stands on posters and in reports.
    pub const fn name_zh(self) -> &'static str {
        match self {
            Category::Airport => "机场",
            Category::Station => "车站",
            Category::Train => "列车",
            Category::Bus => "公交车",
            Category::Ferry => "轮渡",
            Category::Supermarket => "超市",
            Category::Market => "农贸市场",
            Category::Mall => "商场",
            Category::Restaurant => "餐饮店",
            Category::Hotel => "宾馆",
            Category::Entertainment => "娱乐场所",
            Category::Gym => "体育场馆",
            Category::School => "学校",
            Category::Office => "写字楼",
            Category::Factory => "工厂",
            Category::Hospital => "医院",
            Category::Clinic => "诊所",
            Category::Pharmacy => "药店",
            Category::Bank => "银行",
            Category::Government => "政务大厅",
            Category::Worship => "宗教场所",
            Category::Residence => "居民小区",
            Category::Gate => "卡口",
            Category::Other => "其他场所",
        }
    }
}
