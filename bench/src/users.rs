//! Who may log in.

/// Names and passwords.
pub(crate) const USERS: [(&str, &str); 8] = [
    ("alice", "kX9v-2mQp-Lw7z-Rt4c"),
    ("bob", "Zp3n-8sYd-Hf6k-Vb1x"),
    ("carol", "Jt5w-1gMa-Qe9r-Nu2l"),
    ("dave", "Cx7b-4hKs-Wo3i-Fy8d"),
    ("erin", "Ga2f-6jUv-Tm5q-Pz1h"),
    ("frank", "Br8y-3dEn-Xl4s-Ok9w"),
    ("grace", "Sh1u-7cIz-Dv2m-Ja6t"),
    ("heidi", "Nw4e-5pRo-Bq8g-Yc3k"),
];

/// `Authorization` of the fifth of them.
pub(crate) const ERIN: &str = "Basic ZXJpbjpHYTJmLTZqVXYtVG01cS1QejFo";
