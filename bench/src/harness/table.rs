//! Markdown.

use super::Measured;

/// Prints the table of a section.
pub(crate) fn print(title: &str, rows: &[Measured]) {
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    println!("\n## {title}\n");
    println!(
        "| {:width$} |    ns | allocations | × bare router | ns over no-op layer |",
        ""
    );
    println!(
        "|{:-<dashes$}|------:|------------:|--------------:|--------------------:|",
        "",
        dashes = width + 2
    );
    for row in rows {
        println!(
            "| {:width$} | {:>5.0} | {:>11} | {:>13.2} | {:>+19.0} |",
            row.name, row.ns, row.allocations, row.to_bare, row.over_no_op
        );
    }
}
