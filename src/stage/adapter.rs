//! Finds a graphics adapter before Bevy does, because Bevy panics where there is none.

use bevy::tasks::block_on;

use crate::quality::Quality;

/// No graphics adapter was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no Vulkan driver was found: install the package mesa-vulkan-drivers (Debian, Ubuntu, Fedora; vulkan-swrast on Arch), which also draws without a GPU"
)]
pub struct NoAdapter;

/// A graphics adapter.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// Its name, for people.
    pub name: String,
    /// The preset that it can pay.
    pub quality: Quality,
    /// Which drivers are asked.
    pub backends: wgpu::Backends,
}

/// The preset for a kind of device.
fn quality_for(device: wgpu::DeviceType) -> Quality {
    match device {
        wgpu::DeviceType::Cpu => Quality::Software,
        wgpu::DeviceType::DiscreteGpu => Quality::High,
        wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => {
            Quality::Low
        }
    }
}

/// Looks for something to draw with. `WGPU_BACKEND` says where to look.
///
/// # Errors
/// [`NoAdapter`] where there is nothing.
pub fn find() -> Result<Adapter, NoAdapter> {
    let backends = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY);
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds::default(),
        backend_options: wgpu::BackendOptions::default(),
        display: None,
    });
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = block_on(instance.request_adapter(&options)).map_err(|_| NoAdapter)?;
    let info = adapter.get_info();
    Ok(Adapter {
        quality: quality_for(info.device_type),
        name: info.name,
        backends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rasteriser_on_the_cpu_gets_the_software_preset() {
        assert_eq!(quality_for(wgpu::DeviceType::Cpu), Quality::Software);
        assert_eq!(quality_for(wgpu::DeviceType::IntegratedGpu), Quality::Low);
        assert_eq!(quality_for(wgpu::DeviceType::DiscreteGpu), Quality::High);
    }

    #[test]
    fn the_sentence_names_the_package() {
        assert!(NoAdapter.to_string().contains("mesa-vulkan-drivers"));
    }
}
