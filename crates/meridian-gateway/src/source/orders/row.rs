//! One row of an order file, in the mapped columns only: there is no place here for a customer id.

/// What a row says.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub order_id: String,
    pub time: String,
    pub country: String,
    pub quantity: String,
    pub amount: String,
    pub category: String,
    pub channel: String,
    pub product: String,
    pub product_name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    OrderId,
    Time,
    Country,
    Quantity,
    Amount,
    Category,
    Channel,
    Product,
    ProductName,
}

impl Row {
    pub(super) fn slot(&mut self, column: Column) -> &mut String {
        match column {
            Column::OrderId => &mut self.order_id,
            Column::Time => &mut self.time,
            Column::Country => &mut self.country,
            Column::Quantity => &mut self.quantity,
            Column::Amount => &mut self.amount,
            Column::Category => &mut self.category,
            Column::Channel => &mut self.channel,
            Column::Product => &mut self.product,
            Column::ProductName => &mut self.product_name,
        }
    }

    pub(super) fn clear(&mut self) {
        for column in [
            Column::OrderId,
            Column::Time,
            Column::Country,
            Column::Quantity,
            Column::Amount,
            Column::Category,
            Column::Channel,
            Column::Product,
            Column::ProductName,
        ] {
            self.slot(column).clear();
        }
    }
}
