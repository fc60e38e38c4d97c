//! Numbers out of a glTF file's buffers, with every bound checked.

use gltf::accessor::{DataType, Dimensions};

/// No accessor may hold more elements than this, whatever the file says.
pub const MAX_ELEMENTS: usize = 8 << 20;

/// Bytes of the file's buffers, in their order.
pub type Buffers = Vec<Vec<u8>>;

/// What is wrong with an accessor, for people; who asked adds the file and the node.
pub type Problem = String;

fn width(kind: DataType) -> usize {
    match kind {
        DataType::I8 | DataType::U8 => 1,
        DataType::I16 | DataType::U16 => 2,
        DataType::U32 | DataType::F32 => 4,
    }
}

fn number(bytes: &[u8], kind: DataType, normalised: bool) -> f32 {
    let two = || {
        [
            bytes.first().copied().unwrap_or(0),
            bytes.get(1).copied().unwrap_or(0),
        ]
    };
    let four = || {
        let [a, b] = two();
        [
            a,
            b,
            bytes.get(2).copied().unwrap_or(0),
            bytes.get(3).copied().unwrap_or(0),
        ]
    };
    let (value, full) = match kind {
        DataType::I8 => (f32::from(two()[0] as i8), 127.0),
        DataType::U8 => (f32::from(two()[0]), 255.0),
        DataType::I16 => (f32::from(i16::from_le_bytes(two())), 32767.0),
        DataType::U16 => (f32::from(u16::from_le_bytes(two())), 65535.0),
        DataType::U32 => (u32::from_le_bytes(four()) as f32, f32::MAX),
        DataType::F32 => return f32::from_le_bytes(four()),
    };
    if normalised {
        (value / full).max(-1.0)
    } else {
        value
    }
}

fn whole(bytes: &[u8], kind: DataType) -> u32 {
    let at = |at: usize| bytes.get(at).copied().unwrap_or(0);
    match kind {
        DataType::U8 | DataType::I8 => u32::from(at(0)),
        DataType::U16 | DataType::I16 => u32::from(u16::from_le_bytes([at(0), at(1)])),
        DataType::U32 | DataType::F32 => u32::from_le_bytes([at(0), at(1), at(2), at(3)]),
    }
}

/// Columns of a matrix begin at multiples of four bytes.
fn column_stride(dimensions: Dimensions, component: usize) -> (usize, usize, usize) {
    let (columns, rows) = match dimensions {
        Dimensions::Mat2 => (2, 2),
        Dimensions::Mat3 => (3, 3),
        Dimensions::Mat4 => (4, 4),
        other => (1, other.multiplicity()),
    };
    let stride = if columns > 1 {
        (rows * component).next_multiple_of(4)
    } else {
        rows * component
    };
    (columns, rows, stride)
}

fn view_bytes<'a>(view: &gltf::buffer::View<'_>, buffers: &'a Buffers) -> Result<&'a [u8], Problem> {
    let buffer = buffers.get(view.buffer().index()).ok_or_else(|| {
        format!(
            "buffer view {} names buffer {}, which isn't there",
            view.index(),
            view.buffer().index()
        )
    })?;
    view.offset()
        .checked_add(view.length())
        .and_then(|end| buffer.get(view.offset()..end))
        .ok_or_else(|| {
            format!(
                "buffer view {} goes to byte {} of a buffer of {} bytes",
                view.index(),
                view.offset().saturating_add(view.length()),
                buffer.len()
            )
        })
}

/// The bytes of each element of an accessor, sparse ones put in.
fn elements(accessor: &gltf::Accessor<'_>, buffers: &Buffers) -> Result<(Vec<u8>, usize), Problem> {
    let at = accessor.index();
    let count = accessor.count();
    if count > MAX_ELEMENTS {
        return Err(format!(
            "accessor {at} claims {count} elements; at most {MAX_ELEMENTS} are taken"
        ));
    }
    let (columns, _, column) = column_stride(accessor.dimensions(), width(accessor.data_type()));
    let size = columns * column;
    let mut bytes = Vec::new();
    match accessor.view() {
        Some(view) => {
            let from = view_bytes(&view, buffers)?;
            let stride = view.stride().unwrap_or(size);
            if stride < size {
                return Err(format!(
                    "accessor {at} has elements of {size} bytes every {stride} bytes"
                ));
            }
            let needed = match count {
                0 => 0,
                _ => (count - 1).saturating_mul(stride).saturating_add(size),
            };
            let end = accessor.offset().saturating_add(needed);
            if end > from.len() {
                return Err(format!(
                    "accessor {at} goes to byte {end} of a buffer view of {} bytes",
                    from.len()
                ));
            }
            bytes.reserve(count * size);
            for element in 0..count {
                let start = accessor.offset() + element * stride;
                bytes.extend_from_slice(from.get(start..start + size).unwrap_or_default());
            }
        }
        None => bytes.resize(count * size, 0),
    }
    if let Some(sparse) = accessor.sparse() {
        put_sparse(accessor, &sparse, buffers, &mut bytes, size)?;
    }
    Ok((bytes, size))
}

fn put_sparse(
    accessor: &gltf::Accessor<'_>,
    sparse: &gltf::accessor::sparse::Sparse<'_>,
    buffers: &Buffers,
    bytes: &mut [u8],
    size: usize,
) -> Result<(), Problem> {
    use gltf::accessor::sparse::IndexType;
    let at = accessor.index();
    let count = sparse.count();
    if count > accessor.count() {
        return Err(format!(
            "accessor {at} replaces {count} of {} elements",
            accessor.count()
        ));
    }
    let kind = match sparse.indices().index_type() {
        IndexType::U8 => DataType::U8,
        IndexType::U16 => DataType::U16,
        IndexType::U32 => DataType::U32,
    };
    let numbers = view_bytes(&sparse.indices().view(), buffers)?;
    let values = view_bytes(&sparse.values().view(), buffers)?;
    let numbers = numbers.get(sparse.indices().offset()..).unwrap_or_default();
    let values = values.get(sparse.values().offset()..).unwrap_or_default();
    if numbers.len() < count * width(kind) || values.len() < count * size {
        return Err(format!(
            "accessor {at} has fewer replacements than the {count} it claims"
        ));
    }
    for (number, value) in numbers
        .chunks_exact(width(kind))
        .zip(values.chunks_exact(size))
        .take(count)
    {
        let element = whole(number, kind) as usize;
        let to = element
            .checked_mul(size)
            .and_then(|start| bytes.get_mut(start..start + size))
            .ok_or_else(|| format!("accessor {at} replaces element {element} of {}", accessor.count()))?;
        to.copy_from_slice(value);
    }
    Ok(())
}

/// Every number of an accessor, `components` for each element, normalised where the file says so.
///
/// # Errors
/// When the accessor hasn't that number of components, lies outside its buffer or holds a number that isn't finite.
pub fn floats(
    accessor: &gltf::Accessor<'_>,
    buffers: &Buffers,
    components: usize,
) -> Result<Vec<f32>, Problem> {
    let has = accessor.dimensions().multiplicity();
    if has != components {
        return Err(format!(
            "accessor {} has {has} numbers an element, not {components}",
            accessor.index()
        ));
    }
    let (bytes, size) = elements(accessor, buffers)?;
    let kind = accessor.data_type();
    let component = width(kind);
    let (_, rows, column) = column_stride(accessor.dimensions(), component);
    let mut numbers = Vec::with_capacity(accessor.count() * components);
    for element in bytes.chunks_exact(size.max(1)) {
        for column in element.chunks_exact(column.max(1)) {
            numbers.extend(
                column
                    .chunks_exact(component)
                    .take(rows)
                    .map(|bytes| number(bytes, kind, accessor.normalized())),
            );
        }
    }
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(bad) => Err(format!(
            "accessor {} holds a number that isn't finite, in element {}",
            accessor.index(),
            bad / components.max(1)
        )),
        None => Ok(numbers),
    }
}

/// Every whole number of an accessor, `components` for each element.
///
/// # Errors
/// As for [`floats`], and where the numbers are fractions.
pub fn wholes(
    accessor: &gltf::Accessor<'_>,
    buffers: &Buffers,
    components: usize,
) -> Result<Vec<u32>, Problem> {
    let has = accessor.dimensions().multiplicity();
    if has != components || accessor.data_type() == DataType::F32 {
        return Err(format!(
            "accessor {} has {has} {:?} an element, not {components} whole numbers",
            accessor.index(),
            accessor.data_type()
        ));
    }
    let (bytes, _) = elements(accessor, buffers)?;
    let kind = accessor.data_type();
    Ok(bytes
        .chunks_exact(width(kind))
        .map(|bytes| whole(bytes, kind))
        .collect())
}
